import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { fixtures } from './dev/fixtures.ts';

// `npm run dev` talks to a server on this machine; `npm run dev -- --mode fixtures` to made-up answers.
export default defineConfig(({ mode }) => ({
  plugins: [react(), ...(mode === 'fixtures' ? [fixtures()] : [])],
  build: {
    // `light-dark()` and `oklch()` are used as they stand.
    target: ['chrome123', 'firefox128', 'safari17.5'],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  server: {
    port: 5173,
    proxy:
      mode === 'fixtures'
        ? undefined
        : Object.fromEntries(
            ['/api', '/login', '/logout', '/docs', '/openapi.json'].map(path => [
              path,
              process.env.HOPLINE_ENDPOINT ?? 'http://127.0.0.1:4300',
            ]),
          ),
  },
  test: { include: ['src/**/*.test.ts', 'src/**/*.test.tsx'], environment: 'node' },
}));
