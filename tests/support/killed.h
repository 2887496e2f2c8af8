/*
 * Ends a piece of work, as kill -9 does, behind its n-th system call: so that a test can look at
 * each state that it may leave. Test code only.
 */
#pragma once

/* Runs work(context) in a child that is killed so. 0: it was; 1: it had ended by then, with 0 (any
   other end fails the test); -1: nothing can be traced here. */
int killed_at(int (*work)(void *context), void *context, unsigned n);
