import { Widget } from '@lumino/widgets';

/** The place of the panel in the sidebar; what it shows is loaded when it is first looked at. */
export class BookPanel extends Widget {
  private mounted: Promise<void> | null = null;

  constructor(
    private readonly mount: (place: HTMLElement) => Promise<void>,
    private readonly look: () => void
  ) {
    super();
    this.id = 'rgwidgets-book';
    this.addClass('rg-book');
  }

  protected override onAfterShow(): void {
    this.begin();
  }

  protected override onAfterAttach(): void {
    if (this.isVisible) {
      this.begin();
    }
  }

  protected override onActivateRequest(): void {
    void this.mounted?.then(() => {
      this.node.querySelector<HTMLElement>('input[type=search]:not([hidden])')?.focus();
    });
  }

  private begin(): void {
    this.mounted ??= this.mount(this.node);
    this.look();
  }
}
