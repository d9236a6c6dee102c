import { useQuery } from '@tanstack/react-query';
import { useRef } from 'react';
import { status } from '../../api/status';
import { Failed, Loading } from '../../parts/Notice';
import { Tabs } from '../../parts/Tabs';
import { useAddress } from '../../state/url';
import { Connect } from './Connect';
import { anythingStored } from './checklist';
import './home.css';
import { Overview } from './Overview';

export function HomePage() {
  const { search, set } = useAddress();
  const state = useQuery({
    queryKey: ['status'],
    queryFn: ({ signal }) => status(signal),
    refetchInterval: 1500,
    meta: { quiet: true },
  });
  // Who came to an empty server stays on its page: it must not change under their hands when the first span arrives.
  const startedEmpty = useRef<boolean>(undefined);

  if (state.isError && !state.data) {
    return (
      <Failed what="The state of the server is not known" error={state.error} retry={() => void state.refetch()} />
    );
  }
  if (!state.data) return <Loading what="Asking the server" />;
  const hasData = anythingStored(state.data);
  startedEmpty.current ??= !hasData;
  if (startedEmpty.current) {
    return (
      <div className="page home">
        <Connect status={state.data} first />
      </div>
    );
  }
  const tab = search.tab === 'connect' ? 'connect' : 'overview';
  return (
    <div className="page home">
      <h1 className="visually-hidden">Home</h1>
      <Tabs
        label="Home"
        tabs={[
          { key: 'overview', label: 'Overview' },
          { key: 'connect', label: 'Connect a service' },
        ]}
        chosen={tab}
        onChoose={key => set({ tab: key === 'overview' ? undefined : key })}
      >
        {tab === 'overview' ? <Overview status={state.data} /> : <Connect status={state.data} />}
      </Tabs>
    </div>
  );
}
