// The browser takes its time to tell what the last session left, and GoldenRetriever then puts that in the place of the
// whole list. What the person chose or began to send in the meantime is put back here.
import { notice, some } from '../shared/frame.ts';
import { plain } from '../shared/names.ts';
import type { File, Uploader } from './uploader.ts';

/** Has to hear of what is restored before anybody else changes the list. */
export function keepNewcomers(uppy: Uploader): void {
  let before = uppy.getState();
  uppy.on('state-update', (previous, _next, patch) => {
    if (patch && 'recoveredState' in patch && 'files' in patch) before = previous;
  });
  uppy.on('restored', () => {
    const newcomers = before.files;
    if (Object.keys(newcomers).length === 0) return;
    const restored = uppy.getState().files;
    if (!Object.values(newcomers).some((file) => file.progress.uploadStarted)) {
      uppy.setState({ files: { ...restored, ...newcomers } });
      return;
    }
    // Upload was pressed already, and means the last session too. What the browser did not keep of it has to be chosen
    // again; in the list it would hold up every file that is added.
    const others = Object.values(restored).filter((file) => !Object.hasOwn(newcomers, file.id));
    const kept = others.filter((file) => !file.isGhost);
    uppy.setState({
      recoveredState: null,
      currentUploads: before.currentUploads,
      totalProgress: before.totalProgress,
      files: { ...newcomers, ...Object.fromEntries(kept.map((file) => [file.id, file])) },
    });
    // Others hear of what is restored after this, and may take some of it away.
    queueMicrotask(() => {
      if (sendRest(uppy)) notice('session', 'Your last session is back, and goes on where it stopped.');
      sayLost(others.filter((file) => file.isGhost));
    });
  });
  // By now GoldenRetriever goes on with what was under way, and only with that; the button counts the other files too.
  uppy.on('restore-confirmed', () => queueMicrotask(() => sendRest(uppy)));
}

/** Sends what is neither finished nor under way, as if it had just been chosen. Tells whether there was anything. */
function sendRest(uppy: Uploader): boolean {
  const { currentUploads, files } = uppy.getState();
  const underWay = new Set(Object.values(currentUploads).flatMap((upload) => upload.fileIDs));
  const rest = Object.values(files).filter((file) => !file.progress.uploadComplete && !underWay.has(file.id));
  if (rest.length === 0) return false;
  uppy.setState({ files: { ...files, ...Object.fromEntries(rest.map((file) => [file.id, anew(file)])) } });
  uppy.upload().catch(() => {}); // each file tells its own error
  return true;
}

function anew(file: File): File {
  const progress = { percentage: 0, bytesUploaded: false, bytesTotal: file.size, uploadComplete: false, uploadStarted: null } as const;
  return { ...file, error: null, isPaused: false, progress };
}

function sayLost(files: File[]): void {
  if (files.length === 0) return;
  const again = files.length === 1 ? 'Choose it again and it goes on where it stopped.' : 'Choose them again and they go on where they stopped.';
  notice('files', `Your last session had ${some(files.map((file) => plain(file.name)))}, too large to be kept by the browser. ${again}`);
}
