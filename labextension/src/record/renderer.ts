import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Panel, Widget } from '@lumino/widgets';
import type { LensRecord } from '@rgwidgets/lens';

import { watchView } from './handover';
import { Still, type Draw } from './still';

export const FLOW_MIME = 'application/vnd.rgwidgets.flow+json';
export const WIDGET_MIME = 'application/vnd.jupyter.widget-view+json';

// Long enough for a live widget to draw itself, too short to be seen as a delay.
const GRACE_MS = 200;

// The drawing code is fetched with the first record, so that JupyterLab's start pays nothing.
const draw: Draw = async (place, record) => {
  const { mount } = await import('@rgwidgets/lens');
  return mount(place, record as LensRecord, { charts: () => import('@rgwidgets/lens/charts') });
};

/** One output: the live widget where a kernel has it, otherwise the record that was saved. */
export class RecordRenderer extends Panel implements IRenderMime.IRenderer {
  private readonly makeLive: () => IRenderMime.IRenderer | null;
  private readonly place = new Widget();
  private readonly still = new Still(this.place.node, draw);
  private live: IRenderMime.IRenderer | null = null;
  private unwatch: () => void = () => undefined;

  constructor(makeLive: () => IRenderMime.IRenderer | null) {
    super();
    this.makeLive = makeLive;
    this.addClass('rg-output');
    this.addWidget(this.place);
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this.reset();
    const record = model.data[FLOW_MIME];
    const live = model.trusted && WIDGET_MIME in model.data ? this.makeLive() : null;
    if (live === null) {
      await this.still.show(record);
      return;
    }
    this.live = live;
    this.insertWidget(0, live);
    const rendered = live.renderModel(model).catch(() => undefined);
    await Promise.race([rendered, new Promise(resolve => setTimeout(resolve, GRACE_MS))]);
    if (this.live !== live) {
      return; // another model came meanwhile
    }
    this.unwatch = watchView(live.node, isLive => {
      live.setHidden(!isLive);
      if (isLive) {
        this.still.hide();
      } else {
        void this.still.show(record);
      }
    });
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this.reset();
      super.dispose();
    }
  }

  private reset(): void {
    this.unwatch();
    this.unwatch = () => undefined;
    this.still.hide();
    this.live?.dispose();
    this.live = null;
  }
}
