// Made-up answers for working on the page without a server: `npm run dev -- --mode fixtures`. Not part of what is built.

import type { Connect, Plugin } from 'vite';
import { answer } from './answers.ts';
import { traceAnswer } from './trace.ts';

export function fixtures(): Plugin {
  const handle: Connect.NextHandleFunction = (request, response, next) => {
    const url = new URL(request.url ?? '/', 'http://fixture');
    if (!url.pathname.startsWith('/api/') && url.pathname !== '/login') return next();
    if (url.pathname.endsWith('/tail')) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const timer = setInterval(() => {
        const log = (answer('/api/v1/logs', url.searchParams, Date.now()) as { items: unknown[] }).items[0];
        response.write(`event: log\ndata: ${JSON.stringify(log)}\n\n`);
      }, 400);
      request.on('close', () => clearInterval(timer));
      return;
    }
    const one = traceAnswer(url.pathname, url.searchParams);
    if (one) {
      response.writeHead(200, { 'content-type': one.type });
      response.end(one.body);
      return;
    }
    const body = answer(url.pathname, url.searchParams, Date.now());
    response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body ?? { title: 'unknown', status: 404, detail: 'no such fixture' }));
  };
  return {
    name: 'fixtures',
    configureServer: server => void server.middlewares.use(handle),
    configurePreviewServer: server => void server.middlewares.use(handle),
  };
}
