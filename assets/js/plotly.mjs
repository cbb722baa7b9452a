// The part of plotly.js that the pages draw with; NiceGUI's chart element imports it as { Plotly }.
import Plotly from "plotly.js/lib/core";
import bar from "plotly.js/lib/bar";
import choropleth from "plotly.js/lib/choropleth";
import heatmap from "plotly.js/lib/heatmap";
import pie from "plotly.js/lib/pie";
import scattergeo from "plotly.js/lib/scattergeo";

Plotly.register([bar, choropleth, heatmap, pie, scattergeo]); // scatter comes with the core

export { Plotly };
