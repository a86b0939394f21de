import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Panel, Widget } from '@lumino/widgets';
import type { LensRecord } from '@rgwidgets/lens';
import { hub } from '@rgwidgets/lens/hub';

import { handOver, watchView } from './handover';
import { WIDGET_MIME, type LiveSource } from './live';
import { FLOW_MIME } from './mime';
import { Still, type Draw } from './still';

// Long enough for a live widget to draw itself, too short to be seen as a delay.
const GRACE_MS = 200;

// The drawing code is fetched with the first record, so that JupyterLab's start pays nothing.
export const draw: Draw = async (place, record) => {
  const { mount } = await import(/* webpackChunkName: "lens" */ '@rgwidgets/lens');
  return mount(place, record as LensRecord, { charts: () => import(/* webpackChunkName: "charts" */ '@rgwidgets/lens/charts') });
};

/** One output: the live widget where a kernel has it, otherwise the record that was saved. */
export class RecordRenderer extends Panel implements IRenderMime.IRenderer {
  private readonly source: LiveSource;
  private readonly place = new Widget();
  private readonly still: Still;
  private model: IRenderMime.IMimeModel | null = null;
  private live: IRenderMime.IRenderer | null = null;
  private unwatch: () => void = () => undefined;

  /** `shown` is told of each element that a record is about to be drawn into. */
  constructor(source: LiveSource, shown: (place: HTMLElement) => void, trans: TranslationBundle) {
    super();
    this.source = source;
    const show: Draw = (place, record) => {
      shown(place);
      return draw(place, record);
    };
    this.still = new Still(this.place.node, show, trans);
    this.addClass('rg-output');
    this.addWidget(this.place);
    source.changed?.connect(this.tryAgain, this);
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const before = this.model;
    this.model = model;
    // A lens renews its record when more is computed; the view of it that stands here goes on.
    if (this.live?.node.firstElementChild != null && sameView(before, model)) {
      return;
    }
    this.still.hide();
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
    live.addClass('rg-behind');
    this.insertWidget(0, live);
    const rendered = live.renderModel(model).catch(() => undefined);
    await Promise.race([rendered, new Promise(resolve => setTimeout(resolve, GRACE_MS))]);
    if (this.live === live) {
      this.unwatch = watchView(live.node, isLive => this.choose(isLive, live, model));
    }
  }

  /** The picture stays until the live lens stands there whole: nothing blinks, nothing is lost. */
  private choose(isLive: boolean, live: Widget, model: IRenderMime.IMimeModel): void {
    live.toggleClass('rg-behind', !isLive);
    if (isLive) {
      this.handOver(live.node);
      this.still.hide();
    } else {
      void this.still.show(model.data[FLOW_MIME]);
    }
  }

  private handOver(live: HTMLElement): void {
    const picture = this.still.turned;
    const lens = [...hub().handles].find(handle => handle.kernel && handle.drawnIn(live));
    if (picture && lens) {
      handOver(picture, lens);
    }
    if (this.place.node.contains(document.activeElement)) {
      live.querySelector<HTMLElement>('.rg-range')?.focus({ preventScroll: true });
    }
  }

  private dropLive(): void {
    this.unwatch();
    this.unwatch = () => undefined;
    this.live?.dispose();
    this.live = null;
  }
}

/** Do two models of an output show the same widget? */
function sameView(before: IRenderMime.IMimeModel | null, now: IRenderMime.IMimeModel): boolean {
  const id = (model: IRenderMime.IMimeModel | null): unknown =>
    (model?.data[WIDGET_MIME] as { model_id?: unknown } | undefined)?.model_id;
  return now.trusted && id(now) !== undefined && id(before) === id(now);
}
