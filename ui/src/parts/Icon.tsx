// The icons, drawn on a grid of 16: strokes in the colour of the text.

const PATHS = {
  home: 'M2.5 7.5 8 3l5.5 4.5M4 6.5V13h3v-3.5h2V13h3V6.5',
  traces: 'M2 3.5h7M4.5 6.5h8M6.5 9.5h4M8.5 12.5h5.5',
  logs: 'M2.5 3.5h1M5.5 3.5h8M2.5 6.5h1M5.5 6.5h6M2.5 9.5h1M5.5 9.5h8M2.5 12.5h1M5.5 12.5h5',
  services: 'M2.5 2.5h4.5v4.5H2.5zM9 2.5h4.5v4.5H9zM2.5 9h4.5v4.5H2.5zM9 9h4.5v4.5H9z',
  map: 'M3.5 5.2a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4M12.5 9.7a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4M5 14.2a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4M5 4.3l6 2.9M11 8.9l-4.5 2.9M3.7 5.2 4.7 10.8',
  sql: 'M8 2.2c3 0 5 .9 5 2v7.6c0 1.1-2 2-5 2s-5-.9-5-2V4.2c0-1.1 2-2 5-2M3 4.2c0 1.1 2 2 5 2s5-.9 5-2M3 8c0 1.1 2 2 5 2s5-.9 5-2',
  settings:
    'M2 4.5h6.5M12 4.5h2M2 11.5h2M7.5 11.5H14M10.2 6.3a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6M5.8 13.3a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10M10.7 10.7 14 14',
  clock: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12M8 4.8V8l2.2 1.6',
  refresh: 'M13 3v3.2H9.8M12.7 6A5.2 5.2 0 1 0 13.2 9',
  link: 'M6.7 9.3 9.3 6.7M7.3 4.7l1.5-1.5a2.8 2.8 0 0 1 4 4l-1.5 1.5M8.7 11.3l-1.5 1.5a2.8 2.8 0 0 1-4-4l1.5-1.5',
  sun: 'M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6M8 1.5V3M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1 1M11.6 11.6l1 1M3.4 12.6l1-1M11.6 4.4l1-1',
  moon: 'M13 9.6A5.5 5.5 0 0 1 6.4 3 5.5 5.5 0 1 0 13 9.6',
  close: 'M4 4l8 8M12 4l-8 8',
  down: 'M4 6.2 8 10.2l4-4',
  right: 'M6.2 4l4 4-4 4',
  left: 'M9.8 4l-4 4 4 4',
  check: 'M3 8.5l3.2 3.2L13 4.8',
  warning: 'M8 2.2 14.3 13.3H1.7zM8 6.3v3.4M8 11.3v.5',
  error: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12M8 5v3.6M8 10.6v.5',
  info: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12M8 7.4V11M8 4.9v.5',
  copy: 'M5.5 5.5h7.5v8H5.5zM3 10.5v-8h7.5',
  play: 'M4.5 3v10l8-5z',
  pause: 'M5 3.5v9M11 3.5v9',
  live: 'M8 9.4a1.4 1.4 0 1 0 0-2.8 1.4 1.4 0 0 0 0 2.8M5.2 10.8a4 4 0 0 1 0-5.6M10.8 5.2a4 4 0 0 1 0 5.6M3.2 12.8a6.8 6.8 0 0 1 0-9.6M12.8 3.2a6.8 6.8 0 0 1 0 9.6',
  filter: 'M2 3.5h12L9.5 8.8v4.4l-3-1.6V8.8z',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  circle: 'M8 13.2A5.2 5.2 0 1 0 8 2.8a5.2 5.2 0 0 0 0 10.4',
  table: 'M2.5 3h11v10h-11zM2.5 6.3h11M6.2 6.3V13',
  keyboard: 'M1.8 4h12.4v8H1.8zM4 6.5h.5M6.5 6.5H7M9 6.5h.5M11.5 6.5h.5M4.8 9.5h6.4',
  download: 'M8 2.5v7.3M4.8 6.8 8 10l3.2-3.2M3 13.2h10',
  send: 'M2.2 8 13.8 2.7 10.5 13.3 7.6 9zM7.6 9l6.2-6.3',
  menu: 'M2.5 4h11M2.5 8h11M2.5 12h11',
  database: 'M8 2.2c3 0 5 .9 5 2v7.6c0 1.1-2 2-5 2s-5-.9-5-2V4.2c0-1.1 2-2 5-2M3 4.2c0 1.1 2 2 5 2s5-.9 5-2',
  compare: 'M6.5 3H2.5v10h4M9.5 3h4v10h-4M8 1.8v12.4',
  swap: 'M3 5.5h9.5M10 3l2.5 2.5L10 8M13 10.5H3.5M6 8l-2.5 2.5L6 13',
  queue: 'M2 5h12v6H2zM5 5v6M8 5v6M11 5v6',
  external: 'M6.5 3H3v10h10V9.5M9 3h4v4M13 3 7.5 8.5',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, label, size = 16 }: { name: IconName; label?: string; size?: number }) {
  return (
    <svg
      className="icon"
      viewBox="0 0 16 16"
      width={size}
      height={size}
      role={label ? 'img' : undefined}
      aria-label={label}
      aria-hidden={label ? undefined : true}
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
