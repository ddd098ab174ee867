import type { Operation } from './operation.ts';

/** Transparent pixels become white where the format has no alpha: what a page shows behind them, more often than black. */
export const flatten: Operation = {
  name: 'flatten',
  stage: 'output',
  apply: (image, { source, output }) =>
    source.hasAlpha && output?.format === 'jpeg' ? image.flatten({ background: '#ffffff' }) : image,
};
