// Builds what browsers load into ../build: the slim chart bundle (for the pages and for the printed report) and the
// minified tracking script.  Every output carries its hash in its name, has .br and .gz beside it, and is listed in
// manifest.json.  Nothing here is needed at runtime: without a build the stock bundle and the readable script serve.

import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

import { build } from "esbuild";
import { minify } from "terser";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "build");
const script = join(here, "..", "..", "collector", "script", "collector.js");
const scratch = `${out}.${process.pid}`;

await mkdir(scratch, { recursive: true });
try {
  const manifest = {
    "plotly.js": await keep("plotly.js", await chartBundle("esm")),
    "plotly.report.js": await keep("plotly.report.js", await chartBundle("iife")),
    "collector.js": await keep("collector.js", await trackingScript()),
  };
  await writeFile(join(scratch, "manifest.json"), JSON.stringify(manifest, null, 2) + "\n");
  await rm(out, { recursive: true, force: true });
  await rename(scratch, out); // whole or not at all: a server that starts meanwhile never sees half a build
  console.log(JSON.stringify(manifest, null, 2));
} finally {
  await rm(scratch, { recursive: true, force: true });
}

// "esm" exports { Plotly }, as NiceGUI's own bundle does; "iife" sets the global Plotly.
async function chartBundle(format) {
  const result = await build({
    entryPoints: [join(here, format === "esm" ? "plotly.mjs" : "plotly.report.mjs")],
    bundle: true,
    minify: true,
    write: false,
    format,
    target: "es2022",
    legalComments: "inline",
    define: { global: "window", "define.amd": "false", "process.env.NODE_DEBUG": "false" },
    loader: { ".css": "text" },
    logLevel: "warning",
  });
  return result.outputFiles[0].text;
}

async function trackingScript() {
  const source = await readFile(script, "utf8");
  const mangle = { properties: { regex: /^tries$/ } }; // a property of the script's own, never sent
  return (await minify(source, { ecma: 2017, compress: { passes: 3 }, mangle, format: { comments: false } })).code;
}

async function keep(name, text) {
  const bytes = Buffer.from(text);
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
  const file = name.replace(/\.js$/, `.${hash}.js`);
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  const gzip = gzipSync(bytes, { level: 9 });
  await Promise.all([
    writeFile(join(scratch, file), bytes),
    writeFile(join(scratch, `${file}.br`), brotli),
    writeFile(join(scratch, `${file}.gz`), gzip),
  ]);
  return { file, bytes: bytes.length, brotli: brotli.length, gzip: gzip.length };
}
