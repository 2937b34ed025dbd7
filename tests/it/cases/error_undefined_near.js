return vO.MessageSid;
