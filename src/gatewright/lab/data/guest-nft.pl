#!/usr/bin/perl
# Stands in for nft(8) where the kernel has no nftables for IP: hands arguments and input to the
# agent, whose other end runs the real one, in a namespace where no packet of this machine passes.
use strict;
use warnings;
use Socket;
my $path = '/run/lab/nft.sock';
socket(my $agent, PF_UNIX, SOCK_STREAM, 0) or die "nft: $!\n";
connect($agent, sockaddr_un($path)) or die "nft: $path: $!\n";
my $arguments = join "\0", @ARGV;
my $input = grep({ $_ eq '-' } @ARGV) ? do { local $/; <STDIN> // '' } : '';
{ my $former = select $agent; $| = 1; select $former; }
print $agent pack('N', length $arguments), $arguments, $input;
shutdown $agent, 1;
my $answer = do { local $/; <$agent> };
my ($status, $length) = unpack 'CN', $answer;
print STDOUT substr $answer, 5, $length;
print STDERR substr $answer, 5 + $length;
exit $status;
