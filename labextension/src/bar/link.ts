import type { Handle } from '../lenses';
import { cutoffOf, groups, names, nearest, type Group } from './group';

/** One of the lenses that the bar turns, or leaves alone. */
export interface Member {
  readonly handle: Handle;
  readonly name: string;
  readonly linked: boolean;
}

/**
 * The lenses of one notebook on one dial. Turning the bar, or any lens that is linked, turns all
 * that are linked; one that is unlinked goes its own way.
 */
export class Link {
  private all: Group[] = [];
  private chosen = '';
  private seen = new Map<Handle, number>();

  constructor(
    private readonly untitled: string,
    private readonly unlinked = new Set<string>()
  ) {}

  get scales(): readonly Group[] {
    return this.all;
  }

  /** The group under the dial; null where the notebook shows no lens. */
  get group(): Group | null {
    return this.all.find(({ key }) => key === this.chosen) ?? this.all[0] ?? null;
  }

  choose(key: string): void {
    this.chosen = key;
  }

  members(): Member[] {
    const handles = this.group?.handles ?? [];
    return names(handles, this.untitled).map((name, index) => ({
      handle: handles[index]!,
      name,
      linked: !this.unlinked.has(name)
    }));
  }

  /** Link or unlink; a lens that is linked again joins the others where they are. */
  toggle(name: string): void {
    const at = this.index();
    if (!this.unlinked.delete(name)) {
      this.unlinked.add(name);
    } else if (at !== null) {
      this.turn(at, true);
    }
  }

  kept(): string[] {
    return [...this.unlinked].sort();
  }

  /** Where the linked lenses stand, as a place on the bar; null where none is linked. */
  index(): number | null {
    const first = this.members().find(({ linked }) => linked);
    const cutoff = first ? cutoffOf(first.handle) : null;
    return cutoff === null ? null : nearest(this.group!.cutoffs, cutoff);
  }

  /** The hand on the bar: every linked lens goes to its own nearest cutoff, now. */
  turn(index: number, settled: boolean): void {
    const cutoff = this.group?.cutoffs[index];
    if (cutoff !== undefined) {
      this.drive(cutoff, settled, null);
    }
  }

  private drive(cutoff: number, settled: boolean, leader: Handle | null): void {
    for (const { handle, linked } of this.members()) {
      const scale = handle.scale();
      if (linked && handle !== leader && scale !== null) {
        const index = nearest(scale.cutoffs, cutoff);
        if (handle.preview() !== index || (settled && handle.cutoff() !== index)) {
          handle.turn(index, settled);
        }
      }
    }
    this.look();
  }

  /** Lenses came, went or moved; those that are linked to one that moved go with it. */
  refresh(handles: readonly Handle[]): void {
    this.all = groups(handles);
    const moved = this.members().find(({ handle, linked }) => {
      const before = this.seen.get(handle);
      return linked && before !== undefined && before !== handle.preview();
    });
    const cutoff = moved ? cutoffOf(moved.handle) : null;
    if (moved && cutoff !== null) {
      this.drive(cutoff, moved.handle.preview() === moved.handle.cutoff(), moved.handle);
    } else {
      this.look();
    }
  }

  private look(): void {
    const handles = this.all.flatMap(group => group.handles);
    this.seen = new Map(handles.map(handle => [handle, handle.preview()]));
  }
}
