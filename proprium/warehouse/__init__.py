"""The analytics warehouse: a columnar copy of storage, derived from it and disposable."""
