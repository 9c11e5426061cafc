// File names as they are shown. The name that is sent stays as it is.

// Characters that turn the text around them ("exe.png" for a file that ends in ".exe"), or break the line.
const misleading = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
const rightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/;
const tail = 12;

export function plain(name: string): string {
  return name.replace(misleading, '\ufffd');
}

/** Writes a name so that a long one is shortened in its middle and keeps its ending. */
export function writeName(element: HTMLElement, name: string): void {
  const shown = plain(name);
  const letters = [...new Intl.Segmenter().segment(shown)].map((one) => one.segment);
  element.title = shown;
  element.dir = 'auto';
  // Two pieces side by side would come in the wrong order in a script that runs from right to left.
  const cut = letters.length > 2 * tail && !rightToLeft.test(shown) ? letters.length - tail : letters.length;
  const head = document.createElement('span');
  head.className = 'name-head';
  head.textContent = letters.slice(0, cut).join('');
  const rest = document.createElement('span');
  rest.className = 'name-tail';
  rest.textContent = letters.slice(cut).join('');
  element.replaceChildren(head, rest);
}
