// A real server on free ports with a directory of its own, and the demo shop that sends to it.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

function binary(): string {
  const named = process.env.HOPLINE_BIN;
  if (named) return named;
  const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('../../target', import.meta.url));
  const built = join(target, 'debug', 'hopline');
  if (!existsSync(built))
    throw new Error(`${built} is missing: build it with \`cargo build --workspace\`, or set HOPLINE_BIN`);
  return built;
}

export interface Server {
  url: string;
  otlpHttp: string;
  stop: () => Promise<void>;
}

/** Starts `hopline serve` and waits for its ready line. */
export async function startServer(environment: Record<string, string> = {}): Promise<Server> {
  const directory = mkdtempSync(join(tmpdir(), 'hopline-e2e-'));
  const any = '127.0.0.1:0';
  const child = spawn(
    binary(),
    ['serve', '--otlp-grpc', any, '--otlp-http', any, '--http', any, '--data-dir', join(directory, 'data')],
    { env: { ...cleanEnvironment(), ...environment }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let log = '';
  child.stderr.on('data', chunk => {
    log = (log + chunk).slice(-8000);
  });
  const line = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', chunk => {
      text += chunk;
      if (text.includes('\n')) resolve(text.split('\n')[0]!);
    });
    child.on('exit', code => reject(new Error(`the server ended with ${code} before it was ready:\n${log}`)));
  });
  const ready = JSON.parse(line) as { http: string; otlp_http: string };
  return {
    url: `http://${ready.http}`,
    otlpHttp: `http://${ready.otlp_http}`,
    stop: async () => {
      await ended(child, 'SIGTERM');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Runs the shop with these flags and waits until it has sent everything. */
export async function runDemo(server: Server, flags: string[]): Promise<void> {
  const child = spawn(binary(), ['demo', '--otlp-endpoint', server.otlpHttp, ...flags], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', chunk => {
    log = (log + chunk).slice(-4000);
  });
  const code = await new Promise<number | null>(resolve => child.on('exit', resolve));
  if (code !== 0) throw new Error(`the demo ended with ${code}:\n${log}`);
}

/** What is set where the tests run must not reach the server. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('HOPLINE_')));
}

function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  return new Promise(resolve => {
    if (child.exitCode !== null) return resolve();
    const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
    child.on('exit', () => {
      clearTimeout(late);
      resolve();
    });
    child.kill(signal);
  });
}
