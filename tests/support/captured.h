/* What the process says on standard error, for tests that look at it. Test code only: what fails
 * here ends the test program. */
#pragma once

/* From here on it is kept instead of shown. */
void captured_begin(void);
/* It is shown again. The text since: until the next time. */
const char *captured_end(void);
