// What both pages have around their uploads: limits, version, notices, and the guard against leaving too early.
import type { Config } from './config.ts';
import { bytes } from './format.ts';

export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as T;
}

export function frame(config: Config): void {
  if (config.version) byId('version').textContent = `resumed ${config.version}`;
  if (config.maxSize !== null) {
    const limits = byId('limits');
    limits.textContent = `A file can have up to ${bytes(config.maxSize)}.`;
    limits.hidden = false;
  }
}

export function notice(text: string): void {
  const place = byId('notice');
  place.textContent = text;
  place.setAttribute('role', 'alert');
  place.hidden = text === '';
}

/** Asks before the tab closes while `busy` says so. */
export function guardLeaving(busy: () => boolean): void {
  window.addEventListener('beforeunload', (event) => {
    if (busy()) event.preventDefault();
  });
}

/** A file dropped beside the drop zone must not replace the page. */
export function guardDrops(): void {
  for (const kind of ['dragover', 'drop'] as const) {
    window.addEventListener(kind, (event) => {
      if (event.defaultPrevented) return;
      event.preventDefault();
      if (event.dataTransfer) event.dataTransfer.dropEffect = 'none';
    });
  }
}
