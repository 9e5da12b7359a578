"""Key exchange as state machines without input or output: IKEv1 and IKEv2."""
