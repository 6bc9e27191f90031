"""How far annotators agree: pure, over encoded annotations, in steps that can be interrupted."""
