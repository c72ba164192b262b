// The places of the board, in the order of the rail.

/** Each with the segments of its address. */
export const PLACES = [
  { segments: [], title: 'Overview', picture: 'overview' },
  { segments: ['tasks'], title: 'Tasks', picture: 'tasks' },
  { segments: ['workflows'], title: 'Workflows', picture: 'workflows' },
  { segments: ['queues'], title: 'Queues', picture: 'queues' },
  { segments: ['workers'], title: 'Workers', picture: 'workers' },
  { segments: ['schedules'], title: 'Schedules', picture: 'schedules' },
  { segments: ['dead'], title: 'Dead letters', picture: 'dead' },
  { segments: ['errors'], title: 'Errors', picture: 'errors' },
  { segments: ['names'], title: 'Task names', picture: 'names' },
  { segments: ['charts'], title: 'Metrics', picture: 'metrics' },
  { segments: ['alerts'], title: 'Alerts', picture: 'alerts' },
  { segments: ['activity'], title: 'Activity', picture: 'activity' },
  { segments: ['settings'], title: 'Settings', picture: 'settings' },
];
