import { createRoot } from 'react-dom/client';
import { App } from './App';
import { applyPreferences } from './state/preferences';
import './style/tokens.css';
import './style/base.css';
import './style/parts.css';
import './shell/shell.css';

applyPreferences();
createRoot(document.getElementById('root')!).render(<App />);
