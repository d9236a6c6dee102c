// The two trees as one: a row for each step that either of them made, with what the second took more or less.

import { Link } from '@tanstack/react-router';
import { formatDuration, plural } from '../../../model/format';
import { type Side, type Step, selfDelta } from '../../../model/traceCompare';
import { operationQuery } from '../../../model/traceFind';
import { ServiceName } from '../../../parts/Chip';
import { formatDelta } from './delta';

/** More than anybody reads; the API has the rest. */
const ROWS_MAX = 1_000;
const INDENT_MAX = 12;
/** The longest bar, in percent of the cell: its figure stands beside it. */
const BAR_MAX = 32;

const CHANGES: Record<Step['change'], string> = {
  same: '',
  slower: 'slower',
  faster: 'faster',
  added: 'only in B',
  missing: 'only in A',
};

export function CompareTable({ steps, a, b }: { steps: readonly Step[]; a: string; b: string }) {
  const largest = Math.max(1, ...steps.slice(0, ROWS_MAX).map(step => Math.abs(selfDelta(step))));
  return (
    <div className="table-wrap">
      <table className="table compare-table" aria-label="Steps of both traces">
        <thead>
          <tr>
            <th>Step</th>
            <th className="num">A</th>
            <th className="num">B</th>
            <th className="num">B − A</th>
            <th className="compare-bar-head">In itself, B − A</th>
            <th>Change</th>
          </tr>
        </thead>
        <tbody>
          {steps.slice(0, ROWS_MAX).map((step, place) => {
            const delta = selfDelta(step);
            const width = (Math.abs(delta) / largest) * BAR_MAX;
            return (
              <tr key={place} data-change={step.change}>
                <td>
                  <div
                    className="compare-step"
                    style={{ paddingInlineStart: `${Math.min(step.depth, INDENT_MAX) * 0.875}rem` }}
                  >
                    <ServiceName name={step.service} />
                    <span className="compare-operation">{step.name || '(no name)'}</span>
                    {Math.max(step.a?.count ?? 0, step.b?.count ?? 0) > 1 && (
                      <span className="muted small">{times(step)}</span>
                    )}
                  </div>
                </td>
                <Took side={step.a} id={a} step={step} />
                <Took side={step.b} id={b} step={step} />
                <td className="num">{step.a && step.b ? formatDelta(step.delta) : <span className="muted">–</span>}</td>
                <td>
                  <div className="compare-bar">
                    <i
                      aria-hidden="true"
                      data-way={delta > 0 ? 'slower' : 'faster'}
                      style={{ width: `${width}%`, [delta > 0 ? 'left' : 'right']: '50%' }}
                    />
                    <span
                      className="number"
                      style={
                        delta > 0 ? { left: `calc(50% + ${width}% + 6px)` } : { right: `calc(50% + ${width}% + 6px)` }
                      }
                    >
                      {delta === 0 ? '' : formatDelta(delta)}
                    </span>
                  </div>
                </td>
                <td>
                  <span className="compare-change" data-change={step.change}>
                    {CHANGES[step.change]}
                  </span>
                  <Errors step={step} />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {steps.length > ROWS_MAX && (
        <p className="muted table-note">
          The first {ROWS_MAX} of {plural(steps.length, 'step')}.
        </p>
      )}
    </div>
  );
}

/** What it took on one side, and the way to its spans there. */
function Took({ side, id, step }: { side: Side | undefined; id: string; step: Step }) {
  return (
    <td className="num">
      {side ? (
        <Link
          to="/trace/$id"
          params={{ id }}
          search={{ find: operationQuery(step.service, step.name) } as never}
          className={side.errors > 0 ? 'plain error-text' : 'plain'}
        >
          {formatDuration(side.nano)}
        </Link>
      ) : (
        <span className="muted">–</span>
      )}
    </td>
  );
}

function times(step: Step): string {
  if (!step.a || !step.b || step.a.count === step.b.count) return `×${(step.a ?? step.b)!.count}`;
  return `×${step.a.count} → ×${step.b.count}`;
}

function Errors({ step }: { step: Step }) {
  const [before, after] = [step.a?.errors ?? 0, step.b?.errors ?? 0];
  if (before === after) return null;
  return (
    <span className="error-text small">
      {' '}
      {after > before ? `${plural(after - before, 'error')} more` : `${plural(before - after, 'error')} fewer`}
    </span>
  );
}
