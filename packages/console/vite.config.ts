import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Where `vite dev` finds a running Safelight. */
const SERVICE = 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react()],
  // The page is served at `/` under `default-src 'self'`: nothing may be inlined but the few lines of HTML.
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false },
  server: { proxy: { '/v1': SERVICE, '/i': SERVICE, '/docs': SERVICE } },
});
