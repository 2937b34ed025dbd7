null.x();
