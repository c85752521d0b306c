// Package bars measures the figures the project promises, on real clients: how soon a subscriber
// sees a picture, how live it is, how far sound and picture are apart, how long a restart of the
// publisher shows, what simulcast reaches, what memory a subscriber costs. The tests need the
// build tag bars and what test/setup.sh installs; make bars runs them all, prints a table and
// writes dist/bars.json. A figure past its limit fails.
//
// Everything runs on one machine, over the loopback interface: publisher, node and browser share
// its cores, so the figures are upper bounds.
package bars
