/** What an output calls the record of a flow. */
export const FLOW_MIME = 'application/vnd.rgwidgets.flow+json';
