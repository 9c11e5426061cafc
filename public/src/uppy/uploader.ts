// Uppy over tus, set so that an upload outlives what happens to a browser: lost connections, sleeping laptops,
// restarted servers, reloads and crashes.
import Uppy, { type UppyFile } from '@uppy/core';
import Dashboard from '@uppy/dashboard';
import GoldenRetriever from '@uppy/golden-retriever';
import Tus from '@uppy/tus';
import type { Config } from '../shared/config.ts';
import { plain } from '../shared/names.ts';
import { noteFinished } from './finished.ts';
import { keepNewcomers } from './newcomers.ts';
import { pieceSize } from './pieces.ts';
import { coreStrings, dashboardStrings } from './strings.ts';
import { type Doings, Traffic } from './traffic.ts';

export type Meta = Record<string, string | undefined>;
export type Body = Record<string, never>;
export type File = UppyFile<Meta, Body>;
export type Uploader = Uppy<Meta, Body>;

const mebibyte = 1024 * 1024;

// Twelve hours of half minutes. Every byte that gets through starts the count again, and while the browser knows that
// it is offline nothing is counted at all.
const retryDelays = [0, 1000, 3000, 5000, 10_000, ...Array<number>(1440).fill(30_000)];

export function makeUploader(config: Config, seat: string, doings: Doings, changed: () => void): Uploader {
  const uppy: Uploader = new Uppy<Meta, Body>({
    id: seat,
    restrictions: { maxFileSize: config.maxSize },
    locale: coreStrings(config.maxSize) as never,
    onBeforeFileAdded: (file, files) => (Object.hasOwn(files, file.id) && !files[file.id]?.isGhost ? undefined! : withMetadata(file)),
  });
  const traffic = new Traffic(uppy, config, doings, changed);

  uppy.use(Dashboard, {
    target: '#dashboard',
    inline: true,
    width: '100%',
    height: 420,
    theme: 'auto',
    fileManagerSelectionType: 'webkitdirectory' in HTMLInputElement.prototype ? 'both' : 'files',
    singleFileFullScreen: false,
    showLinkToFileUploadResult: false,
    proudlyDisplayPoweredByUppy: false,
    // The list below says it too, with a steadier guess of the time left, and the notices have the errors.
    hideProgressDetails: true,
    disableInformer: true,
    locale: dashboardStrings as never,
  });
  uppy.use(Tus, {
    endpoint: config.tusEndpoint,
    limit: 3,
    retryDelays,
    removeFingerprintOnSuccess: true,
    chunkSize: pieceSize(),
    onBeforeRequest: (request, file) => traffic.before(request, file.id),
    onAfterResponse: (request, response) => traffic.after(request, response),
    onShouldRetry: (error, _attempt, _options, next) => traffic.again(error, next),
    onError: (error) => {
      error.message = traffic.understand(error).text;
    },
  });
  keepNewcomers(uppy);
  noteFinished(uppy);
  uppy.use(GoldenRetriever, {
    expires: 7 * 24 * 60 * 60 * 1000,
    indexedDB: { maxFileSize: 256 * mebibyte, maxTotalSize: 1024 * mebibyte },
  } as never);
  return uppy;
}

/** The names that a tus server looks for; a file outside of a folder has no path, not one called "null". */
function withMetadata(file: File): File {
  const { relativePath, ...meta } = file.meta;
  const inFolder = typeof relativePath === 'string' && relativePath !== '' && relativePath !== 'null';
  return {
    ...file,
    // What the Dashboard shows is `name`; the server gets the true name as `filename`.
    meta: { ...meta, name: plain(file.name ?? ''), filename: file.name, filetype: file.type, ...(inFolder ? { relativePath } : {}) },
  } as File;
}
