import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Panel, Widget } from '@lumino/widgets';
import type { LensRecord } from '@rgwidgets/lens';

import { watchView } from './handover';
import { WIDGET_MIME, type LiveSource } from './live';
import { Still, type Draw } from './still';

export const FLOW_MIME = 'application/vnd.rgwidgets.flow+json';

// Long enough for a live widget to draw itself, too short to be seen as a delay.
const GRACE_MS = 200;

// The drawing code is fetched with the first record, so that JupyterLab's start pays nothing.
const draw: Draw = async (place, record) => {
  const { mount } = await import('@rgwidgets/lens');
  return mount(place, record as LensRecord, { charts: () => import('@rgwidgets/lens/charts') });
};

/** One output: the live widget where a kernel has it, otherwise the record that was saved. */
export class RecordRenderer extends Panel implements IRenderMime.IRenderer {
  private readonly source: LiveSource;
  private readonly place = new Widget();
  private readonly still = new Still(this.place.node, draw);
  private model: IRenderMime.IMimeModel | null = null;
  private live: IRenderMime.IRenderer | null = null;
  private unwatch: () => void = () => undefined;

  constructor(source: LiveSource) {
    super();
    this.source = source;
    this.addClass('rg-output');
    this.addWidget(this.place);
    source.changed?.connect(this.tryAgain, this);
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this.still.hide();
    this.model = model;
    await this.tryLive();
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this.source.changed?.disconnect(this.tryAgain, this);
      this.model = null;
      this.dropLive();
      this.still.hide();
      super.dispose();
    }
  }

  private tryAgain(): void {
    if (this.live?.node.firstElementChild == null) {
      void this.tryLive();
    }
  }

  private async tryLive(): Promise<void> {
    this.dropLive();
    const { model } = this;
    const wanted = model !== null && model.trusted && WIDGET_MIME in model.data;
    const live = wanted ? this.source.create() : null;
    if (model === null || live === null) {
      await this.still.show(model?.data[FLOW_MIME]);
      return;
    }
    this.live = live;
    this.insertWidget(0, live);
    const rendered = live.renderModel(model).catch(() => undefined);
    await Promise.race([rendered, new Promise(resolve => setTimeout(resolve, GRACE_MS))]);
    if (this.live === live) {
      this.unwatch = watchView(live.node, isLive => this.choose(isLive, live, model));
    }
  }

  private choose(isLive: boolean, live: Widget, model: IRenderMime.IMimeModel): void {
    live.setHidden(!isLive);
    if (isLive) {
      this.still.hide();
    } else {
      void this.still.show(model.data[FLOW_MIME]);
    }
  }

  private dropLive(): void {
    this.unwatch();
    this.unwatch = () => undefined;
    this.live?.dispose();
    this.live = null;
  }
}
