// Uppy over tus, set so that an upload outlives what happens to a browser: lost connections, sleeping laptops,
// restarted servers, reloads and crashes.
import Uppy, { type UppyFile } from '@uppy/core';
import Dashboard from '@uppy/dashboard';
import GoldenRetriever from '@uppy/golden-retriever';
import Tus from '@uppy/tus';
import type { DetailedError, HttpRequest } from 'tus-js-client';
import type { Config } from '../shared/config.ts';
import { explain, whileWaiting } from '../shared/errors.ts';
import { coreStrings, dashboardStrings } from './strings.ts';

export type Meta = Record<string, string | undefined>;
export type Body = Record<string, never>;
export type File = UppyFile<Meta, Body>;
export type Uploader = Uppy<Meta, Body>;

/** Per file: a request was sent for it, and why it waits if it does. Changes are told by `changed`. */
export interface Doings {
  started: Set<string>;
  waiting: Map<string, string>;
}

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
  const askers = new WeakMap<HttpRequest, string>();

  uppy.use(Dashboard, {
    target: '#dashboard',
    inline: true,
    width: '100%',
    height: 420,
    theme: 'auto',
    fileManagerSelectionType: 'both',
    singleFileFullScreen: false,
    showLinkToFileUploadResult: false,
    proudlyDisplayPoweredByUppy: false,
    // The list below says it too, with a steadier guess of the time left.
    hideProgressDetails: true,
    locale: dashboardStrings as never,
  });
  uppy.use(Tus, {
    endpoint: config.tusEndpoint,
    limit: 3,
    retryDelays,
    removeFingerprintOnSuccess: true,
    onBeforeRequest: (request, file) => {
      askers.set(request, file.id);
      doings.started.add(file.id);
      changed();
    },
    onShouldRetry: (error, _attempt, _options, next) => {
      const again = next(error as DetailedError) || toldToWait(error as DetailedError);
      const asker = askers.get((error as DetailedError).originalRequest!);
      if (again && asker) {
        doings.waiting.set(asker, whileWaiting(understand(error as DetailedError, config)));
        changed();
      }
      return again;
    },
    onError: (error) => {
      error.message = understand(error as DetailedError, config).text;
    },
  });
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
    meta: { ...meta, filename: file.name, filetype: file.type, ...(inFolder ? { relativePath } : {}) },
  } as File;
}

/** 460: the server threw the damaged part away and still has the rest. */
function toldToWait(error: DetailedError): boolean {
  return error.originalResponse?.getStatus() === 460;
}

function understand(error: Error & Partial<DetailedError>, config: Config) {
  const response = error.originalResponse;
  if (response) return explain(response.getStatus(), response.getBody() ?? '', config.maxSize);
  if (error.originalRequest || error.name === 'NetworkError' || 'isNetworkError' in error) return explain(0, '', config.maxSize);
  return { text: 'The browser cannot read this file any more. Choose it again.', passing: false };
}
