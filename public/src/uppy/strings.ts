// Uppy's words where ours are plainer, or say what this server does.
import { bytes } from '../shared/format.ts';

export const coreStrings = (maxSize: number | null) => ({
  strings: {
    exceedsSize: maxSize === null ? '%{file} is too large' : `%{file} is larger than the ${bytes(maxSize)} this server takes`,
    failedToUpload: '%{file} was not uploaded',
    noDuplicates: '%{fileName} is already in the list',
  },
});

// Fingers choose; they do not drop.
const drop = matchMedia('(hover: none)').matches ? '' : 'Drop files or folders here, or ';

export const dashboardStrings = {
  strings: {
    dashboardTitle: 'Upload files',
    dropPasteBoth: `${drop}%{browseFiles}%{browseFolders}`,
    dropPasteFiles: `${drop}%{browseFiles}`,
    dropHint: 'Drop files or folders here',
    browseFiles: 'Choose files',
    browseFolders: 'Choose a folder',
    cancel: 'Cancel all',
    sessionRestored: 'Your last session is back',
    recoveredAllFiles: 'Press Upload to go on where it stopped.',
    recoveredXFiles: {
      0: 'One file is too large to be kept by the browser. Choose it again and it goes on where it stopped.',
      1: '%{smart_count} files are too large to be kept by the browser. Choose them again and they go on where they stopped.',
    },
    reSelect: 'Choose again',
    complete: 'All uploaded',
    myDevice: 'Choose files',
  },
};
