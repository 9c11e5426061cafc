// Makes dist/ from src/: one script and one style sheet for each page under a hashed name, the two pages that name them,
// and the licences of everything that was bundled.
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

const root = path.dirname(fileURLToPath(import.meta.url));
const dist = path.join(root, 'dist');
const pages = ['index', 'resumable'];

await rm(dist, { recursive: true, force: true });
await mkdir(path.join(dist, 'assets'), { recursive: true });

const { metafile } = await esbuild.build({
  absWorkingDir: root,
  entryPoints: pages.map((page) => `src/${page}.ts`),
  outdir: 'dist/assets',
  entryNames: '[name]-[hash]',
  chunkNames: 'shared-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  target: ['es2022', 'chrome111', 'firefox113', 'safari16.4'],
  minify: true,
  legalComments: 'none', // licences.txt has them in full
  metafile: true,
  logLevel: 'warning',
});

const names = new Map(); // what a page calls it → its path in dist
for (const [file, output] of Object.entries(metafile.outputs)) {
  if (!output.entryPoint) continue;
  const page = path.basename(output.entryPoint, '.ts');
  names.set(`${page}.js`, path.relative('dist', file));
  if (output.cssBundle) names.set(`${page}.css`, path.relative('dist', output.cssBundle));
}
names.set('icon.svg', await hashed('icon.svg', await read('src/icon.svg')));
const manifest = (await read('src/manifest.webmanifest')).replace('%icon.svg%', path.basename(names.get('icon.svg')));
names.set('manifest.webmanifest', await hashed('manifest.webmanifest', manifest));
names.set('licences.txt', await hashed('licences.txt', await licences()));

for (const page of pages) {
  const html = (await read(`src/${page}.html`)).replace(/%([a-z]+\.[a-z]+)%/g, (_, name) => {
    if (!names.has(name)) throw new Error(`src/${page}.html names ${name}, which the build did not make`);
    return names.get(name);
  });
  await writeFile(path.join(dist, `${page}.html`), html);
}

for (const file of (await readdir(dist, { recursive: true })).sort()) console.log(`dist/${file}`);

function read(file) {
  return readFile(path.join(root, file), 'utf8');
}

async function hashed(name, text) {
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 8).toUpperCase();
  const { name: stem, ext } = path.parse(name);
  await writeFile(path.join(dist, 'assets', `${stem}-${hash}${ext}`), text);
  return `assets/${stem}-${hash}${ext}`;
}

/** The licence text of every package that has at least one byte in the output. */
async function licences() {
  const packages = new Set();
  for (const output of Object.values(metafile.outputs)) {
    for (const [input, { bytesInOutput }] of Object.entries(output.inputs)) {
      const match = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
      if (match && bytesInOutput > 0) packages.add(match[0]);
    }
  }
  const parts = ['The pages of resumed contain code of these packages.\n'];
  for (const folder of [...packages].sort()) {
    const about = JSON.parse(await read(`${folder}package.json`));
    const file = (await readdir(path.join(root, folder))).find((name) => /licen[cs]e/i.test(name));
    const text = file ? await read(folder + file) : `Licence: ${about.license}\n`;
    parts.push(`${'='.repeat(72)}\n${about.name} ${about.version} (${about.license})\n\n${text.trim()}\n`);
  }
  return parts.join('\n');
}
