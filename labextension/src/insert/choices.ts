/** What can be inserted, as `python -m rgwidgets.cells` writes it. */
export interface Card {
  readonly name: string;
  readonly summary: string;
  readonly citation: string;
}

export interface Lab extends Card {
  readonly code: string;
}

export interface System extends Card {
  /** The cell for each scheme that fits. */
  readonly cells: Readonly<Record<string, string | undefined>>;
}

export interface Catalogue {
  readonly labs: readonly Lab[];
  readonly systems: readonly System[];
  readonly toys: readonly System[];
  readonly schemes: readonly Card[];
}

export type Kind = 'labs' | 'systems' | 'toys';

/** One choice of a system (or lab) and of a scheme that fits it. */
export class Choice {
  private card: Lab | System;
  private picked: string | null = null;

  constructor(private readonly catalogue: Catalogue) {
    this.card = catalogue.labs[0] ?? catalogue.systems[0]!;
  }

  get what(): Card {
    return this.card;
  }

  /** Null for a lab, which comes with its own. */
  get scheme(): Card | null {
    return this.schemes.find(({ name }) => name === this.picked) ?? this.schemes[0] ?? null;
  }

  /** The schemes that fit what is chosen. */
  get schemes(): readonly Card[] {
    const { card } = this;
    return 'cells' in card ? this.catalogue.schemes.filter(({ name }) => name in card.cells) : [];
  }

  get code(): string {
    return 'code' in this.card ? this.card.code : (this.card.cells[this.scheme?.name ?? ''] ?? '');
  }

  /** A scheme that fits the new system too stays chosen. */
  choose(kind: Kind, name: string): void {
    const found = (this.catalogue[kind] as readonly (Lab | System)[]).find(
      card => card.name === name
    );
    this.card = found ?? this.card;
  }

  chooseScheme(name: string): void {
    this.picked = name;
  }
}

/** A summary as a sentence: most are written to follow a name. */
export function sentence(words: string): string {
  const first = /^\p{Ll}\p{Ll}/u.test(words) || words.startsWith('a ');
  const text = first ? words[0]!.toUpperCase() + words.slice(1) : words;
  return /[.…]$/.test(text) ? text : `${text}.`;
}
