import { useEffect, useState } from 'react';
import { Icon } from './Icon';

/** Copies a text and says so. */
export function CopyButton({ text, label = 'Copy', quiet = true }: { text: string; label?: string; quiet?: boolean }) {
  const [copied, setCopied] = useState<'no' | 'yes' | 'failed'>('no');
  useEffect(() => {
    if (copied === 'no') return;
    const timer = setTimeout(() => setCopied('no'), 1600);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () => {
    copyText(text).then(
      () => setCopied('yes'),
      () => setCopied('failed'),
    );
  };
  return (
    <button type="button" className={`button ${quiet ? 'quiet' : ''}`} onClick={copy}>
      <Icon name={copied === 'yes' ? 'check' : 'copy'} />
      <span aria-live="polite">
        {copied === 'yes' ? 'Copied' : copied === 'failed' ? 'Select and copy by hand' : label}
      </span>
    </button>
  );
}

/** The clipboard of the browser, or the old way where a page without TLS may not use it. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  area.style.position = 'fixed';
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  if (!done) throw new Error('the browser refused to copy');
}

/** Text to be taken along, as it stands. */
export function CopyBlock({ text, label }: { text: string; label: string }) {
  return (
    <div className="copy-block">
      <pre tabIndex={0} role="region" aria-label={label}>
        <code>{text}</code>
      </pre>
      <CopyButton text={text} />
    </div>
  );
}
