// The one table of routes. Every page is loaded when it is first opened.

import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  RouterProvider,
  redirect,
} from '@tanstack/react-router';
import { ApiError } from './api/client';
import { askTree } from './api/early';
import { Broken, NotFound } from './shell/Broken';
import { Shell } from './shell/Shell';
import { readSearch, type Search, writeSearch } from './state/search';

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      refetchOnWindowFocus: false,
      // A mistake in a question stays one; a server that restarts comes back.
      retry: (count, error) => count < 2 && error instanceof ApiError && (error.status === 0 || error.status >= 502),
    },
  },
});

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  // Unknown parameters are kept: a newer link loses nothing here.
  validateSearch: (search: Record<string, unknown>): Search => search as Search,
});

const home = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: lazyRouteComponent(() => import('./pages/home/HomePage'), 'HomePage'),
});
const traces = createRoute({
  getParentRoute: () => root,
  path: '/traces',
  component: lazyRouteComponent(() => import('./pages/traces/TracesPage'), 'TracesPage'),
});
const trace = createRoute({
  getParentRoute: () => root,
  path: '/trace/$id',
  // Its spans travel while its code does.
  loader: ({ params: { id }, cause }) => {
    if (cause !== 'stay' && !queries.getQueryData(['trace', id, 'tree'])) askTree(id);
  },
  component: lazyRouteComponent(() => import('./pages/traces/TracePage'), 'TracePage'),
});
/** As the command line and the API name it. */
const traceAlias = createRoute({
  getParentRoute: () => root,
  path: '/traces/$id',
  beforeLoad: ({ params, search }) => {
    throw redirect({ to: '/trace/$id', params, search, replace: true });
  },
});
const compare = createRoute({
  getParentRoute: () => root,
  path: '/trace/$id/compare/$other',
  component: lazyRouteComponent(() => import('./pages/traces/compare/ComparePage'), 'ComparePage'),
});
const logs = createRoute({
  getParentRoute: () => root,
  path: '/logs',
  component: lazyRouteComponent(() => import('./pages/logs/LogsPage'), 'LogsPage'),
});
const services = createRoute({
  getParentRoute: () => root,
  path: '/services',
  component: lazyRouteComponent(() => import('./pages/services/ServicesPage'), 'ServicesPage'),
});
const service = createRoute({
  getParentRoute: () => root,
  path: '/services/$name',
  component: lazyRouteComponent(() => import('./pages/services/ServicePage'), 'ServicePage'),
});
const map = createRoute({
  getParentRoute: () => root,
  path: '/map',
  component: lazyRouteComponent(() => import('./pages/map/MapPage'), 'MapPage'),
});
const sql = createRoute({
  getParentRoute: () => root,
  path: '/sql',
  component: lazyRouteComponent(() => import('./pages/sql/SqlPage'), 'SqlPage'),
});
const settings = createRoute({
  getParentRoute: () => root,
  path: '/settings',
  component: lazyRouteComponent(() => import('./pages/settings/SettingsPage'), 'SettingsPage'),
});

const router = createRouter({
  routeTree: root.addChildren([home, traces, trace, traceAlias, compare, logs, services, service, map, sql, settings]),
  parseSearch: text => readSearch(text),
  stringifySearch: writeSearch,
  defaultPreload: 'intent',
  defaultErrorComponent: Broken,
  scrollRestoration: false,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

export function App() {
  return (
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  );
}
