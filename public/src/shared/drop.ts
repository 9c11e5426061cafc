// Files out of what was dropped, folders included, all of them: a browser hands out a folder in portions of 100, and
// the library asks for the first portion only.

export async function dropped(transfer: DataTransfer): Promise<File[]> {
  // The list empties itself when the event is over, so everything is taken from it before the first wait.
  const taken = [...transfer.items].filter((item) => item.kind === 'file').map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
  const found: File[] = [];
  for (const one of taken) {
    if (one instanceof File) found.push(one);
    else if (one) await collect(one, '', found);
  }
  return found;
}

/** The path of a file below the folder that was chosen or dropped; its name when there was none. */
export function pathOf(file: File): string {
  const given = (file as File & { relativePath?: string }).relativePath;
  return given || file.webkitRelativePath || file.name;
}

async function collect(entry: FileSystemEntry, folder: string, found: File[]): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed));
    found.push(folder ? Object.assign(file, { relativePath: folder + file.name }) : file);
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    const portion = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed));
    if (portion.length === 0) return;
    for (const inner of portion) await collect(inner, `${folder}${entry.name}/`, found);
  }
}
