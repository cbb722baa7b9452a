"""Migration scripts. Each names its predecessor; none is changed after its release."""
