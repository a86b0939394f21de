import type { NotebookPanel } from '@jupyterlab/notebook';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Signal, type ISignal } from '@lumino/signaling';

export const WIDGET_MIME = 'application/vnd.jupyter.widget-view+json';

/** Where a renderer gets the live widget from. */
export interface LiveSource {
  /** A renderer for widget views, or null where nothing shows widgets. */
  create(): IRenderMime.IRenderer | null;
  /** Emitted when a renderer made from now on can do more than one made before. */
  readonly changed: ISignal<unknown, void> | null;
}

/** Widgets as a registry makes them, for good. */
export function fromRegistry(registry: IRenderMimeRegistry): LiveSource {
  return {
    changed: null,
    create: () => (registry.getFactory(WIDGET_MIME) ? registry.createRenderer(WIDGET_MIME) : null)
  };
}

/**
 * Widgets of a notebook, whose factory is replaced once its kernel is connected.
 *
 * The widget manager hands itself to the renderers that lie in the outputs by then; those inside
 * ours it does not find, and so they are made again.
 */
export function fromNotebook(panel: NotebookPanel): LiveSource {
  const registry = panel.content.rendermime;
  const session = panel.sessionContext;
  const changed = new Signal<NotebookPanel, void>(panel);
  let known = registry.getFactory(WIDGET_MIME);
  // The manager listens to the same events; the timeout lets it go first.
  const look = (): void => {
    setTimeout(() => {
      const factory = registry.getFactory(WIDGET_MIME);
      if (!panel.isDisposed && factory !== known) {
        known = factory;
        changed.emit();
      }
    });
  };
  session.kernelChanged.connect(look);
  session.statusChanged.connect(look);
  session.connectionStatusChanged.connect(look);
  void session.ready.then(look);
  return { ...fromRegistry(registry), changed };
}
