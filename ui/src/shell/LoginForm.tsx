import { type FormEvent, useState } from 'react';
import { logIn } from '../api/status';

/** The server wants a token: it is sent once, and a cookie that scripts cannot read carries it from then on. */
export function LoginForm({ onDone }: { onDone: () => void }) {
  const [token, setToken] = useState('');
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      await logIn(token.trim());
      onDone();
    } catch (failure) {
      setError((failure as Error).message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="login">
      <form onSubmit={submit}>
        <h1>Hopline</h1>
        <p className="muted">
          This server asks for its token: the value of HOPLINE_TOKEN, or one of auth.tokens in its settings.
        </p>
        <label htmlFor="token">Token</label>
        <input
          id="token"
          className="input"
          type="password"
          autoComplete="current-password"
          value={token}
          aria-invalid={error !== ''}
          aria-describedby={error ? 'login-error' : undefined}
          onChange={event => setToken(event.target.value)}
        />
        {error && (
          <p id="login-error" className="field-error" role="alert">
            {error}
          </p>
        )}
        <button type="submit" className="button primary" disabled={busy || token.trim() === ''}>
          Log in
        </button>
      </form>
    </main>
  );
}
