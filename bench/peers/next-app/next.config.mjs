import { dirname } from 'node:path';

// The optimizer alone is measured: the widths and qualities that are asked for, no cache of what it made.
export default {
  images: { deviceSizes: [800], imageSizes: [100], qualities: [80], maximumDiskCacheSize: 0 },
  experimental: { imgOptMozjpeg: process.env.WITHOUT_MOZJPEG !== '1' },
  turbopack: { root: dirname(import.meta.dirname) },
};
