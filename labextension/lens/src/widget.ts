/** The thin adapter between an anywidget model and the lens. */
import { Hand, keepHand } from "./focus";
import { handleOf, type Handled } from "./handle";
import { hub } from "./hub";
import { Lens, type LensOptions } from "./lens";
import type { Host, Incoming, Outgoing } from "./types";

/** A model of anywidget; published pages leave some of its methods out, or let them throw. */
export interface Model {
  get(name: string): unknown;
  set?(name: string, value: unknown): void;
  save_changes?(): void;
  send?(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
  on?(name: string, callback: (...values: never[]) => void): void;
  off?(name: string, callback: (...values: never[]) => void): void;
  widget_manager?: { kernel?: Kernel | null };
}

type Listener = (...values: never[]) => void;

/** The lens's names for what the Python widget has to call otherwise. */
const TRAITS: Record<string, string> = {
  spec: "setup",
  preview: "preview_index",
  cutoff: "cutoff_index",
};
const trait = (name: string): string => TRAITS[name] ?? name;

/** Events of Jupyter's widget models that say that their kernel is gone. */
const DEATHS = ["comm_live_update", "comm:close"];
const DEAD = ["dead", "terminating", "restarting", "autorestarting"];

interface Signal<Value> {
  connect(slot: (sender: unknown, value: Value) => void): void;
  disconnect(slot: (sender: unknown, value: Value) => void): void;
}

/** What JupyterLab's widget manager shows of its kernel; other hosts have none. */
interface Kernel {
  id?: string;
  statusChanged?: Signal<string>;
  disposed?: Signal<unknown>;
}

/** Calls back when the kernel ends or begins anew: either way it has forgotten this widget. */
function watchKernel(kernel: Kernel | null | undefined, die: () => void): () => void {
  const status = (_: unknown, now: string): void => {
    if (DEAD.includes(now)) die();
  };
  kernel?.statusChanged?.connect(status);
  kernel?.disposed?.connect(die);
  return () => {
    kernel?.statusChanged?.disconnect(status);
    kernel?.disposed?.disconnect(die);
  };
}

class ModelHost implements Host {
  #alive: boolean;

  constructor(private readonly model: Model) {
    this.#alive = typeof model.send === "function" && typeof model.save_changes === "function";
  }

  live(): boolean {
    return this.#alive;
  }

  get(name: string): unknown {
    try {
      return this.model.get(trait(name));
    } catch {
      return undefined;
    }
  }

  /** A host that throws is a page without a kernel: the dial goes on without it. */
  #attempt(act: () => void): boolean {
    if (!this.#alive) return false;
    try {
      act();
      return true;
    } catch {
      this.#alive = false;
      return false;
    }
  }

  /** Views follow their model with a kernel and without. */
  set(values: Record<string, unknown>): void {
    try {
      for (const [name, value] of Object.entries(values)) this.model.set?.(trait(name), value);
    } catch {
      this.#alive = false;
    }
  }

  save(): void {
    this.#attempt(() => this.model.save_changes?.());
  }

  send(message: Outgoing): boolean {
    return this.#attempt(() => this.model.send?.(message));
  }

  #listen(name: string, callback: Listener): () => void {
    try {
      this.model.on?.(name, callback);
    } catch {
      return () => undefined;
    }
    return () => {
      try {
        this.model.off?.(name, callback);
      } catch {
        this.#alive = false;
      }
    };
  }

  onChange(name: string, listener: () => void): () => void {
    return this.#listen(`change:${trait(name)}`, listener);
  }

  onDeath(listener: () => void): () => void {
    const die = (): void => {
      this.#alive = false;
      listener();
    };
    const stops = DEATHS.map((name) => this.#listen(name, die));
    stops.push(watchKernel(this.model.widget_manager?.kernel, die));
    return () => stops.forEach((stop) => stop());
  }

  wait(waiting: boolean): void {
    handles.get(identity(this.model))?.handle.wait(waiting);
  }

  onMessage(
    listener: (message: Incoming, buffers: readonly ArrayBufferView[]) => void,
  ): () => void {
    return this.#listen("msg:custom", ((message: Incoming, buffers?: ArrayBufferView[]) =>
      listener(message, buffers ?? [])) as Listener);
  }
}

interface Registered {
  handle: Handled;
  views: Set<HTMLElement>;
  hand: Hand;
  /** The model while its kernel lives, and each of its views; the last takes the handle away. */
  holders: number;
  leave(): void;
}

/** One handle a model, however many views it has. */
const handles = new WeakMap<object, Registered>();

/** anywidget wraps a model anew each time it hands it out; its layout is always the same one. */
function identity(model: Model): object {
  try {
    const layout = model.get("layout");
    return typeof layout === "object" && layout !== null ? layout : model;
  } catch {
    return model;
  }
}

/** Views outlive their kernel, and so does what moves them. */
function hold(model: Model, view?: HTMLElement): () => void {
  const key = identity(model);
  let known = handles.get(key);
  if (!known) {
    const kernel = model.widget_manager?.kernel?.id ?? null;
    const views = new Set<HTMLElement>();
    const handle = handleOf(new ModelHost(model), { kernel, views });
    known = { handle, views, hand: new Hand(), holders: 0, leave: hub().add(handle) };
    handles.set(key, known);
  }
  const registered = known;
  registered.holders += 1;
  if (view) registered.views.add(view);
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    if (view) registered.views.delete(view);
    if ((registered.holders -= 1) > 0) return;
    handles.delete(key);
    registered.leave();
  };
}

export function initialize({ model }: { model: Model }): () => void {
  const release = hold(model);
  const stop = new ModelHost(model).onDeath(release);
  return () => {
    stop();
    release();
  };
}

interface RenderProps {
  model: Model;
  el: HTMLElement;
  signal?: AbortSignal;
}

export function render({ model, el, signal }: RenderProps, options: LensOptions = {}): () => void {
  const release = hold(model, el);
  const lens = new Lens(el, new ModelHost(model), options);
  const letGo = keepHand(el, handles.get(identity(model))!.hand);
  const dispose = (): void => {
    letGo();
    release();
    lens.dispose();
  };
  signal?.addEventListener("abort", dispose, { once: true });
  return dispose;
}
