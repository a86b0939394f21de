import { LabIcon } from '@jupyterlab/ui-components';

/** Four blocks, one of them resolved into its own four: a block-spin step, read backwards. */
export const lensIcon = new LabIcon({
  name: '@rgwidgets/lab:lens',
  svgstr: `
<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 16 16">
  <g class="jp-icon3" fill="#616161">
    <rect x="1" y="1" width="6" height="6"/>
    <rect x="9" y="9" width="6" height="6"/>
    <rect x="9" y="1" width="2.5" height="2.5"/>
    <rect x="12.5" y="4.5" width="2.5" height="2.5"/>
    <rect x="1" y="9" width="6" height="6" fill-opacity="0.35"/>
  </g>
</svg>`
});
