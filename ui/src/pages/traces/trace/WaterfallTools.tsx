// What the keys do, for the mouse.

import { formatWhole, plural } from '../../../model/format';
import { Icon } from '../../../parts/Icon';
import type { WaterfallCommand } from '../waterfall/keys';

export function WaterfallTools({
  errors,
  logs,
  showLogs,
  onlyCritical,
  usual,
  showUsual,
  skewed,
  adjusted,
  zoomed,
  onError,
  onLogs,
  onCritical,
  onUsual,
  onAdjusted,
  onCommand,
}: {
  errors: number;
  logs: number;
  showLogs: boolean;
  onlyCritical: boolean;
  /** Something is known of it. */
  usual: boolean;
  showUsual: boolean;
  skewed: boolean;
  adjusted: boolean;
  zoomed: boolean;
  onError: (step: 1 | -1) => void;
  onLogs: () => void;
  onCritical: () => void;
  onUsual: () => void;
  onAdjusted: () => void;
  onCommand: (command: WaterfallCommand) => void;
}) {
  return (
    <div className="waterfall-tools" role="toolbar" aria-label="Waterfall">
      {errors > 0 && (
        <button
          type="button"
          className="button"
          onClick={() => onError(1)}
          title="Next error (e), previous (Shift e)"
          aria-label={`Next of ${plural(errors, 'error')}`}
        >
          <span className="error-mark" />
          {formatWhole(errors)}
          <Icon name="down" size={12} />
        </button>
      )}
      <button
        type="button"
        className="button"
        aria-pressed={showLogs}
        onClick={onLogs}
        disabled={logs === 0}
        title="Logs between the spans (l)"
      >
        <Icon name="logs" />
        Logs
      </button>
      <button
        type="button"
        className="button"
        aria-pressed={onlyCritical}
        onClick={onCritical}
        title="Only the critical path (p)"
      >
        Critical path
      </button>
      {usual && (
        <button
          type="button"
          className="button"
          aria-pressed={showUsual}
          onClick={onUsual}
          title="What such calls usually take, as a shade behind the bars (n)"
        >
          Usual
        </button>
      )}
      {skewed && (
        <button
          type="button"
          className="button"
          aria-pressed={adjusted}
          onClick={onAdjusted}
          title="Correct clocks that are off"
        >
          <Icon name="clock" />
          Adjusted
        </button>
      )}
      <span className="tool-group">
        <button
          type="button"
          className="button quiet icon-only"
          aria-label="Collapse all"
          title="Collapse all"
          onClick={() => onCommand('collapseTrace')}
        >
          <Icon name="minus" />
        </button>
        <button
          type="button"
          className="button quiet icon-only"
          aria-label="Expand all"
          title="Expand all"
          onClick={() => onCommand('expandTrace')}
        >
          <Icon name="plus" />
        </button>
        <button
          type="button"
          className="button quiet"
          disabled={!zoomed}
          onClick={() => onCommand('fit')}
          title="Whole trace (0)"
        >
          Fit
        </button>
      </span>
    </div>
  );
}
