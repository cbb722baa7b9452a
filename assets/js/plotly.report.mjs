// The same part of plotly.js as a plain script, for reports that stand alone.
import { Plotly } from "./plotly.mjs";

window.Plotly = Plotly;
