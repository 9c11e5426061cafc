// The key under which the server finds a file's chunks again. The library's own (size and the Latin letters of the name)
// gives two people's files, or two names in another script, the same key. This one has the file's path and time in it,
// and a number that only this browser knows.

import { pathOf } from '../shared/drop.ts';

export function identifier(file: File): string {
  const path = pathOf(file);
  const readable = path.replace(/[^0-9A-Za-z_-]+/g, '').slice(-40);
  return [file.size, file.lastModified.toString(36), digest(`${browserKey()}\n${path}`), readable].join('-');
}

/** FNV-1a, 64 bits: `crypto.subtle` is not there on a page without TLS. */
function digest(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  }
  return hash.toString(16).padStart(16, '0');
}

const fresh = Array.from(crypto.getRandomValues(new Uint32Array(3)), (part) => part.toString(36)).join('');

/** Made when the page opens and read anew each time, so that tabs agree on it. */
function browserKey(): string {
  try {
    const key = localStorage.getItem('resumed.browser') ?? fresh;
    localStorage.setItem('resumed.browser', key);
    return key;
  } catch {
    return fresh;
  }
}

browserKey();
