import type { ILauncher } from '@jupyterlab/launcher';

import type { Book } from './book';
import { next } from './progress';

const CARDS = 3;
/** After notebooks, which come at 0, and before consoles, at 20. */
const categoryRank = 10;

/** Cards for the book and for the chapters to go on with, which change as the reader does. */
export function keepCards(launcher: ILauncher, book: Book, category: string): void {
  launcher.add({ command: 'rgwidgets:open-book', category, categoryRank, rank: 0 });
  let shown = '';
  let cards: { dispose(): void }[] = [];
  const update = (): void => {
    const chapters = next(book.chapters(), book.passed, CARDS);
    const wanted = chapters.map(({ slug }) => slug).join();
    if (wanted === shown) {
      return;
    }
    shown = wanted;
    cards.forEach(card => card.dispose());
    cards = chapters.map(({ slug, number }) =>
      launcher.add({
        command: 'rgwidgets:open-chapter',
        args: { slug },
        category,
        categoryRank,
        rank: number
      })
    );
  };
  book.changed.connect(update);
  update();
}
