/** Where other parts of a page, such as the JupyterLab extension, find the live lenses. */
import type { ScaleSpec, Status } from "./types";

/** A lens as others may see and move it, whatever stands behind it. */
export interface Handle {
  /** The id of its kernel; null where it is a record. */
  readonly kernel: string | null;
  /** Where a record is drawn; a kernel's lens may have many views, or none. */
  readonly place: HTMLElement | null;
  /** Is it drawn somewhere inside `node`? */
  drawnIn(node: Node): boolean;
  title(): string;
  /** Null while the lens is not whole. */
  scale(): ScaleSpec | null;
  /** Where the dial stands, and where it was last let go. */
  preview(): number;
  cutoff(): number;
  /** Moves every view of the lens at once; the kernel hears of it when the dial is let go. */
  turn(index: number, settled: boolean): void;
  status(): Status;
  /** A scale has been asked for and is not here yet. */
  waiting(): boolean;
  /** Asks the kernel, as the lens's own buttons do; false where nobody hears. */
  act(name: string): boolean;
  onChange(listener: () => void): () => void;
}

export interface Hub {
  readonly handles: ReadonlySet<Handle>;
  add(handle: Handle): () => void;
  /** Called whenever a lens comes or goes; returns how to stop. */
  subscribe(listener: (handles: ReadonlySet<Handle>) => void): () => void;
}

const KEY = Symbol.for("rgwidgets.hub");

function create(): Hub {
  const handles = new Set<Handle>();
  const listeners = new Set<(handles: ReadonlySet<Handle>) => void>();
  const tell = (): void => listeners.forEach((listener) => listener(handles));
  return {
    handles,
    add(handle) {
      handles.add(handle);
      tell();
      return () => {
        if (handles.delete(handle)) tell();
      };
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** One hub a page, whichever copy of the bundle came first. */
export function hub(): Hub {
  const page = globalThis as { [KEY]?: Hub };
  return (page[KEY] ??= create());
}
