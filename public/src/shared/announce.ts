// Tells a screen reader what finished or failed. Many at once become one sentence, so that nobody hears 200 names.
import { files } from './format.ts';
import { plain } from './names.ts';

const finished: string[] = [];
const failed: string[] = [];
let timer: number | undefined;

export function sayFinished(name: string): void {
  finished.push(plain(name));
  soon();
}

export function sayFailed(name: string, why: string): void {
  failed.push(`${plain(name)}: ${why}`);
  soon();
}

function soon(): void {
  timer ??= window.setTimeout(() => {
    const parts: string[] = [];
    if (finished.length > 0) parts.push(finished.length === 1 ? `${finished[0]} is uploaded.` : `${files(finished.length)} are uploaded.`);
    if (failed.length > 0) parts.push(failed.length === 1 ? `Failed: ${failed[0]}` : `${files(failed.length)} failed.`);
    finished.length = 0;
    failed.length = 0;
    timer = undefined;
    const place = document.getElementById('announce');
    if (place) place.textContent = parts.join(' ');
  }, 700);
}
