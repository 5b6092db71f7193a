// stop.h - SIGINT and SIGTERM as a number that a loop looks at.
#ifndef NJ_COORDINATOR_DAEMON_STOP_H
#define NJ_COORDINATOR_DAEMON_STOP_H

/// From here on both signals are kept as a number. Those of before are forgotten.
void nj_stop_catch(void);
/// Both signals end the process again.
void nj_stop_release(void);
/// SIGINT or SIGTERM, whichever came last; 0: none.
int nj_stop_signal(void);

#endif
