/** What the pointer is over, with the whole name. An element, since text on a canvas cannot grow beyond it. */

import { formatDuration, formatShare, plural } from '../../../model/format';
import { Mark, startOf, text } from '../../../model/trace';
import { RowKind } from '../../../model/traceRows';
import type { Scene } from './scene';
import type { Stage } from './stage';

function lines(scene: Scene, index: number): string[] {
  const { trace, rows } = scene;
  const ref = rows.ref[index]!;
  if (rows.kind[index] === RowKind.log) {
    const { log, at } = scene.logs[ref]!;
    return [log.line.slice(0, 600), `${log.severity} · ${log.service} · at ${formatDuration(at)}`];
  }
  const operation = `${text(trace.service, ref)}  ${text(trace.name, ref)}`;
  if (rows.kind[index] === RowKind.fold) {
    const sum = scene.folds(ref);
    return [
      operation,
      `${plural(sum.members, 'equal sibling')}, ${formatDuration(sum.total)} in total, longest ${formatDuration(sum.longest)}`,
    ];
  }
  const duration = trace.duration[ref]!;
  const found = [
    operation,
    `${formatDuration(duration)}, ${formatShare(duration, trace.summary.duration)} of the trace · starts at ${formatDuration(startOf(trace, ref, scene.adjusted))}`,
  ];
  const usual = scene.usual.get(ref);
  if (usual) found.push(`usually ${formatDuration(usual.nano)}: the median of ${plural(usual.count, 'call')}`);
  if (trace.critical[ref]! > 0) found.push(`${formatDuration(trace.critical[ref]!)} on the critical path`);
  const message = trace.failed[ref] ? trace.statusMessages.at(ref) : null;
  if (message) found.push(`error: ${message.slice(0, 300)}`);
  if (trace.skew[ref] !== 0) found.push(`its clock is off by about ${formatDuration(Math.abs(trace.skew[ref]!))}`);
  if (trace.marks[ref]! & Mark.missing) found.push('spans name it as their parent, but it never arrived');
  return found;
}

export function fillTip(stage: Stage, scene: Scene, index: number, x: number, y: number): void {
  const { tip } = stage;
  // Names are readable where they stand; the tip is for bars.
  if (index < 0 || x <= scene.labelWidth) {
    tip.hidden = true;
    return;
  }
  if (tip.dataset.index !== String(index) || tip.hidden) {
    tip.dataset.index = String(index);
    tip.replaceChildren(
      ...lines(scene, index).map((words, at) => {
        const line = document.createElement(at === 0 ? 'strong' : 'div');
        line.textContent = words;
        return line;
      }),
    );
    tip.hidden = false;
  }
  const below = stage.scroller.offsetTop + y + 20;
  const fits = below + tip.offsetHeight < stage.root.clientHeight;
  tip.style.left = `${Math.max(8, Math.min(x + 14, stage.width - tip.offsetWidth - 8))}px`;
  tip.style.top = `${fits ? below : stage.scroller.offsetTop + y - tip.offsetHeight - 12}px`;
}
