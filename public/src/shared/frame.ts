// What both pages have around their uploads: limits, version, notices, and the guard against leaving too early.
import type { Config } from './config.ts';
import { dropped } from './drop.ts';
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
  // The policy of the page lets it talk to its own address only.
  if (config.publicUrl !== null && new URL(config.publicUrl).origin !== location.origin) {
    notice('server', `Open this page at ${config.publicUrl}: that is where this server is reached.`);
  }
  for (const link of document.querySelectorAll<HTMLElement>('nav a[href="resumable.html"]')) {
    link.hidden = config.resumableEndpoint === null && !link.hasAttribute('aria-current');
  }
}

/** What a notice is about. There is one of each at most; the empty text takes it away. */
export type Subject = 'connection' | 'files' | 'proxy' | 'server' | 'session';

export function notice(subject: Subject, text: string): void {
  const place = byId('notice');
  const before = [...place.children].find((one) => (one as HTMLElement).dataset.subject === subject);
  if ((before?.textContent ?? '') === text) return;
  before?.remove();
  if (text !== '') {
    const line = document.createElement('p');
    line.dataset.subject = subject;
    line.textContent = text;
    place.append(line);
  }
  place.hidden = place.childElementCount === 0;
}

/** A few names, so that a thousand of them do not fill the page. */
export function some(names: string[], separator = ', '): string {
  const shown = names.slice(0, 3).join(separator);
  return names.length > 3 ? `${shown}${separator}and ${names.length - 3} more` : shown;
}

/** Asks before the tab closes while `busy` says so. */
export function guardLeaving(busy: () => boolean): void {
  window.addEventListener('beforeunload', (event) => {
    if (busy()) event.preventDefault();
  });
}

/** Keeps what comes before the page knows its server, until somebody can take it. */
export function inbox<T>(): { put(one: T): void; open(take: (one: T) => void): void } {
  let open!: (take: (one: T) => void) => void;
  const opened = new Promise<(one: T) => void>((done) => (open = done));
  return { put: (one) => void opened.then((take) => take(one)), open };
}

/** Files may be dropped anywhere on the page; else a near miss would replace the page by the file. */
export function takeDrops(take: (files: File[]) => void): void {
  const over = (on: boolean) => document.body.classList.toggle('over', on);
  window.addEventListener('dragover', (event) => {
    if (event.defaultPrevented || !event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = 'copy';
    over(true);
  });
  window.addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) over(false);
  });
  window.addEventListener('drop', (event) => {
    over(false);
    if (event.defaultPrevented || !event.dataTransfer) return;
    event.preventDefault();
    dropped(event.dataTransfer).then(take, () => notice('files', 'The browser cannot read what was dropped.'));
  });
}
