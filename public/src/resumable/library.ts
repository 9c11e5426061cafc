// The parts of Resumable.js 1.1.0 that this page uses, with their types.
import library from 'resumablejs';

export interface Chunk {
  startByte: number;
  endByte: number;
  loaded: number;
  retries: number;
  pendingRetry: boolean;
  tested: boolean;
  xhr: XMLHttpRequest | null;
  status(): 'pending' | 'uploading' | 'success' | 'error';
  abort(): void;
}

export interface Source {
  file: globalThis.File;
  fileName: string;
  relativePath: string;
  uniqueIdentifier: string;
  size: number;
  chunks: Chunk[];
  pause(on: boolean): void;
  abort(): void;
  cancel(): void;
  bootstrap(): void;
}

export interface Library {
  files: Source[];
  addFiles(files: globalThis.File[]): void;
  uploadNextChunk(): boolean;
  on(event: 'fileAdded' | 'fileProgress' | 'fileSuccess' | 'fileRetry' | 'fileError' | 'chunkingComplete', heard: (file: Source) => void): void;
  on(event: 'filesAdded', heard: (added: Source[], skipped: globalThis.File[]) => void): void;
}

export function makeLibrary(options: Record<string, unknown>): Library {
  const Resumable = library as unknown as new (options: Record<string, unknown>) => Library;
  return new Resumable(options);
}
