// Uppy writes down what there is to restore twice a second only. A tab that closes right after an upload's end would find
// the finished file among the lost ones when it opens again, and ask for it. What has just finished is noted here at once.
import type { Uploader } from './uploader.ts';

const recent = 5000;

export function noteFinished(uppy: Uploader): void {
  const place = `resumed.finished.${uppy.getID()}`;
  uppy.on('upload-success', (file) => {
    if (file) write(place, [...read(place).filter(([id, at]) => id !== file.id && Date.now() - at < recent), [file.id, Date.now()]]);
  });
  uppy.on('file-added', (file) => {
    const noted = read(place);
    if (noted.some(([id]) => id === file.id)) write(place, noted.filter(([id]) => id !== file.id));
  });
  uppy.on('restored', () => {
    const noted = read(place);
    // What finished on this page in the meantime is no lost file.
    for (const [id] of noted) if (uppy.getState().files[id]?.isRestored) uppy.removeFile(id);
    write(place, noted.filter(([id]) => uppy.getState().files[id]));
  });
}

function read(place: string): [string, number][] {
  try {
    const noted: unknown = JSON.parse(localStorage.getItem(place) ?? '[]');
    return Array.isArray(noted) ? noted.filter((one) => Array.isArray(one) && typeof one[0] === 'string') : [];
  } catch {
    return [];
  }
}

function write(place: string, noted: [string, number][]): void {
  try {
    localStorage.setItem(place, JSON.stringify(noted));
  } catch {
    // Without storage there is nothing to restore either.
  }
}
