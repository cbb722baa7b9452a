// The map of countries or regions: a NiceGUI component.  Geometry comes by URL as TopoJSON, is decoded here and kept for
// the page's life; the server sends numbers only.  Works with the slim chart bundle and with NiceGUI's stock one.

const SCOPES = ["world", "usa", "europe", "asia", "africa", "north-america", "south-america", "oceania", "antarctica"];
const LAYERS = ["coastlines", "land", "ocean", "lakes", "rivers", "countries", "subunits"];
const CONFIG = { displayModeBar: false, responsive: false, scrollZoom: false, doubleClick: false, showTips: false };
const features = new Map(); // url → Promise of a GeoJSON FeatureCollection

let library = null;

function plotly() {
  library ??= import("nicegui-plotly").then(({ Plotly }) => {
    // Plotly asks a CDN for its own base map before any choropleth is drawn, and draws nothing when that fails: an
    // empty map in its cache saves the request.
    const nothing = { type: "GeometryCollection", geometries: [] };
    const empty = { type: "Topology", arcs: [], objects: Object.fromEntries(LAYERS.map((name) => [name, nothing])) };
    const cache = ((window.PlotlyGeoAssets ??= {}).topojson ??= {});
    for (const scope of SCOPES) for (const detail of ["110m", "50m"]) cache[`${scope}_${detail}`] ??= empty;
    return Plotly;
  });
  return library;
}

function load(url) {
  if (!features.has(url)) {
    const answer = fetch(url).then((response) => {
      if (!response.ok) throw new Error(`${url}: ${response.status}`);
      return response.json();
    });
    features.set(url, answer.then(decode));
    features.get(url).catch(() => features.delete(url)); // a later draw may try again
  }
  return features.get(url);
}

// TopoJSON keeps each border once, as an arc of integer steps; a negative index is the arc backwards.
function decode(topology) {
  const { scale, translate } = topology.transform ?? { scale: [1, 1], translate: [0, 0] };
  const isDelta = Boolean(topology.transform);
  const arcs = topology.arcs.map((arc) => {
    let x = 0, y = 0;
    return arc.map(([dx, dy]) => {
      [x, y] = isDelta ? [x + dx, y + dy] : [dx, dy];
      return [x * scale[0] + translate[0], y * scale[1] + translate[1]];
    });
  });
  const ring = (indexes) =>
    indexes.flatMap((index, place) => {
      const arc = index < 0 ? arcs[~index].slice().reverse() : arcs[index];
      return place ? arc.slice(1) : arc;
    });
  const geometry = ({ type, arcs: rings }) => ({
    type,
    coordinates: type === "Polygon" ? rings.map(ring) : rings.map((polygon) => polygon.map(ring)),
  });
  const [collection] = Object.values(topology.objects);
  return {
    type: "FeatureCollection",
    features: collection.geometries
      .filter((shape) => shape.id && shape.arcs)
      .map((shape) => ({ type: "Feature", id: shape.id, properties: {}, geometry: geometry(shape) })),
  };
}

// Every country in a neutral colour, below the ones with numbers.
function landLayer(geojson, colour, line) {
  const ids = geojson.features.map((feature) => feature.id);
  return {
    type: "choropleth", geojson, featureidkey: "id", locations: ids, z: ids.map(() => 0), showscale: false,
    hoverinfo: "skip", colorscale: [[0, colour], [1, colour]], marker: { line },
  };
}

export default {
  template: '<div role="img" :aria-label="label"></div>',
  props: { data: Array, layout: Object, topology: String, land: String, border: Object, label: String },
  async mounted() {
    this.resizing = new ResizeObserver(() => this.drawn && this.$el.offsetWidth && this.drawn.Plots.resize(this.$el));
    this.resizing.observe(this.$el);
    await this.draw();
  },
  beforeUnmount() {
    this.turn = -1;
    this.resizing.disconnect();
    this.drawn?.purge(this.$el);
  },
  methods: {
    update() {
      return this.draw();
    },
    async draw() {
      const turn = (this.turn = (this.turn ?? 0) + 1);
      const [Plotly, geojson] = await Promise.all([plotly(), load(this.topology)]);
      if (turn !== this.turn) return; // a newer update overtook this one, or the element is gone
      const coloured = this.data.map((trace) => (trace.type === "choropleth" ? { ...trace, geojson } : trace));
      const layers = [landLayer(geojson, ...this.colours()), ...coloured];
      await Plotly.react(this.$el, layers, JSON.parse(JSON.stringify(this.layout)), CONFIG); // Plotly writes into it
      if (!this.drawn) this.$el.on("plotly_click", (event) => this.pick(event.points[0], event.event));
      this.drawn = Plotly;
      this.$el.dataset.drawn = this.topology; // for tests: what is on the screen
    },
    colours() {
      if (this.land) return [this.land, this.border];
      const own = getComputedStyle(this.$el); // before the server knows whether the page is dark
      return [own.getPropertyValue("--soft").trim(), { ...this.border, color: own.getPropertyValue("--card").trim() }];
    },
    pick(point, cause) {
      const location = point?.customdata?.[0];
      if (!location || !this.isSecondTap(location, cause)) return;
      this.drawn.Fx.unhover(this.$el); // or the tooltip of the country stays over the map of its regions
      this.$emit("pick", { location });
    },
    // The first touch of a place only shows its tooltip. Plotly reports a touch twice: as a touch and as a click.
    isSecondTap(location, cause = {}) {
      const isTouch = cause.pointerType === "touch" || cause.sourceCapabilities?.firesTouchEvents
        || cause.type?.startsWith("touch") || matchMedia("(hover: none)").matches;
      if (!isTouch) return true;
      const now = performance.now(), last = this.tap ?? {};
      if (last.location === location && now - last.at < 400) return false;
      this.tap = last.location === location ? {} : { location, at: now };
      return last.location === location;
    },
  },
};
