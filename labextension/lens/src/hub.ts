/** Where other parts of a page, such as the JupyterLab extension, find the live lenses. */

export interface Hub<Model = unknown> {
  readonly models: Set<Model>;
  add(model: Model): void;
  remove(model: Model): void;
  /** Called on every change with the models that remain; returns how to stop. */
  subscribe(listener: (models: ReadonlySet<Model>) => void): () => void;
}

const KEY = Symbol.for("rgwidgets.hub");

function create(): Hub {
  const models = new Set<unknown>();
  const listeners = new Set<(models: ReadonlySet<unknown>) => void>();
  const tell = (): void => listeners.forEach((listener) => listener(models));
  return {
    models,
    add(model) {
      models.add(model);
      tell();
    },
    remove(model) {
      models.delete(model);
      tell();
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
